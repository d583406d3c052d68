/* Handlers of one name in two files are two. */
int first(void);
int second(void);

int main(void)
{
        return first() == 1 && second() == 2 ? 0 : 1;
}
